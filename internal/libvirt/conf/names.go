package conf

import (
	"slices"
	"strings"
)

// DaemonNames returns the settings that libvirtd.conf and virtproxyd.conf can have in any
// release: those that libvirt 9.0 reads, and those that came with 11.10.
func DaemonNames() []string {
	names := make([]string, 0, len(libvirtdSettings)+2)
	for _, s := range libvirtdSettings {
		names = append(names, s.name)
	}
	return append(names, "key_files", "cert_files")
}

// QEMUNames returns the settings that qemu.conf can have: those of the files that
// libvirt 7.0, 9.0, 11.3 and 12.8 come with.
func QEMUNames() []string { return strings.Fields(qemuNames) }

// Gone reports whether libvirtd.conf or qemu.conf of an older release had a setting that
// no release in use reads.
func Gone(name string) bool { return slices.Contains(strings.Fields(goneNames), name) }

const goneNames = `
	tls_allowed_ip_list tls_no_verify_address mdns_adv mdns_name max_requests admin_max_requests
	keepalive_required admin_keepalive_required log_buffer_size
	allow_disk_format_probing`

const qemuNames = `
	auto_dump_bypass_cache auto_dump_max_size auto_dump_path auto_save_bypass_cache auto_shutdown_poweroff
	auto_shutdown_restore auto_shutdown_try_save auto_shutdown_try_shutdown auto_shutdown_wait
	auto_start_bypass_cache auto_start_delay backup_port_max backup_port_min backup_tls_priority
	backup_tls_x509_cert_dir backup_tls_x509_secret_uuid backup_tls_x509_verify bridge_helper capability_filters
	cgroup_controllers cgroup_device_acl chardev_tls chardev_tls_priority chardev_tls_x509_cert_dir
	chardev_tls_x509_secret_uuid chardev_tls_x509_verify dbus_daemon default_cpu_deprecated_features
	default_tls_priority default_tls_x509_cert_dir default_tls_x509_secret_uuid default_tls_x509_verify
	deprecation_behavior dump_guest_core dump_image_format dynamic_ownership gluster_debug_level group
	hugetlbfs_mount keepalive_count keepalive_interval lock_manager log_timestamp mac_filter max_core max_files
	max_processes max_queued max_threads_per_process memory_backing_dir migrate_tls_force migrate_tls_priority
	migrate_tls_x509_cert_dir migrate_tls_x509_secret_uuid migrate_tls_x509_verify migration_address
	migration_host migration_port_max migration_port_min namespaces nbd_tls nbd_tls_priority
	nbd_tls_x509_cert_dir nbd_tls_x509_secret_uuid nographics_allow_host_audio nvram pr_helper qemu_rdp qemu_vnc
	rdp_listen rdp_password rdp_tls_x509_cert_dir rdp_username relaxed_acs_check remember_owner
	remote_display_port_max remote_display_port_min remote_websocket_port_max remote_websocket_port_min
	save_image_format sched_core seccomp_sandbox security_default_confined security_driver
	security_require_confined set_process_name shared_filesystems slirp_helper snapshot_image_format
	spice_auto_unix_socket spice_listen spice_password spice_sasl spice_sasl_dir spice_tls
	spice_tls_x509_cert_dir stdio_handler storage_use_nbdkit swtpm_group swtpm_user user virtiofsd_debug
	vnc_allow_host_audio vnc_auto_unix_socket vnc_listen vnc_password vnc_sasl vnc_sasl_dir vnc_tls
	vnc_tls_priority vnc_tls_x509_cert_dir vnc_tls_x509_secret_uuid vnc_tls_x509_verify vxhs_tls
	vxhs_tls_x509_cert_dir vxhs_tls_x509_secret_uuid`
