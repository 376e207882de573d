/*
 * Reads libvirt configuration files with libvirt's own parser, for the test
 * that compares it with ours.
 *
 * stdin: for each file its length (4 bytes, little endian), then its bytes.
 * stdout: one line a file: "ok" and the entries, or "error" and the message;
 * names and strings in hexadecimal, so that any byte can stand in them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* As in libvirt's src/util/virconf.h, unchanged from 7.0 to 12.8. */
enum kind { NONE, LLONG, ULLONG, STRING, LIST };

struct value {
	enum kind kind;
	struct value *next;
	long long num;
	char *str;
	struct value *list;
};

static void *symbol(void *lib, const char *name)
{
	void *p = dlsym(lib, name);

	if (!p) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return p;
}

static void put_hex(const char *s)
{
	for (; *s; s++)
		printf("%02x", (unsigned char)*s);
}

static void put_value(const struct value *v)
{
	const struct value *item;

	switch (v->kind) {
	case LLONG:
		printf("l%lld", v->num);
		break;
	case ULLONG:
		printf("u%lld", v->num);
		break;
	case STRING:
		putchar('s');
		put_hex(v->str);
		break;
	case LIST:
		putchar('[');
		for (item = v->list; item; item = item->next) {
			put_value(item);
			putchar(',');
		}
		putchar(']');
		break;
	default:
		putchar('?');
	}
}

static int put_entry(const char *name, struct value *v, void *opaque)
{
	(void)opaque;
	if (!name)
		return 0;
	putchar(' ');
	put_hex(name);
	putchar('=');
	put_value(v);
	return 0;
}

static int read_input(int fd)
{
	unsigned char head[4];
	uint32_t n;
	char *buf;

	if (fread(head, 1, 4, stdin) != 4)
		return 0;
	n = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
	buf = malloc(n + 1);
	if (!buf || fread(buf, 1, n, stdin) != n || ftruncate(fd, 0) ||
	    pwrite(fd, buf, n, 0) != (ssize_t)n)
		exit(1);
	free(buf);
	return 1;
}

int main(void)
{
	void *lib = dlopen("libvirt.so.0", RTLD_NOW);
	int (*initialize)(void);
	void *(*read_file)(const char *, unsigned int);
	int (*walk)(void *, int (*)(const char *, struct value *, void *), void *);
	void (*release)(void *);
	const char *(*message)(void);
	void (*reset)(void);
	void (*handler)(void *, void (*)(void *, void *));
	char path[64];
	int fd = memfd_create("conf", 0);

	extern void quiet(void *, void *);

	if (!lib || fd < 0) {
		fprintf(stderr, "%s\n", lib ? "memfd" : dlerror());
		return 1;
	}
	initialize = symbol(lib, "virInitialize");
	read_file = symbol(lib, "virConfReadFile");
	walk = symbol(lib, "virConfWalk");
	release = symbol(lib, "virConfFree");
	message = symbol(lib, "virGetLastErrorMessage");
	reset = symbol(lib, "virResetLastError");
	handler = symbol(lib, "virSetErrorFunc");
	initialize();
	handler(NULL, quiet);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	while (read_input(fd)) {
		void *conf = read_file(path, 0);

		if (conf) {
			fputs("ok", stdout);
			walk(conf, put_entry, NULL);
			release(conf);
		} else {
			fputs("error ", stdout);
			put_hex(message());
			reset();
		}
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}

void quiet(void *opaque, void *error)
{
	(void)opaque;
	(void)error;
}
