package lab

import "path/filepath"

// BootFiles returns the programs that boot a host with systemd, for [HostConfig.Files]: boot,
// inside, settled and poweroff; each says at its top what it does. folder is the directory
// internal/lab/systemd, as the caller sees it. The host's root needs systemd.
func BootFiles(folder string) (map[string]string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for _, name := range []string{"boot", "inside", "settled", "poweroff"} {
		files[filepath.Join(folder, name)] = "/usr/local/sbin/" + name
	}
	return files, nil
}
