/* The originals behind one pipe: one request a line, one answer a line.
 *
 *   d HEX          gnutls_x509_crt_get_dn of the DER certificate HEX: "= HEX", or "! CODE"
 *   g HEX HEX      g_pattern_match_simple(pattern, string): 0 or 1
 *   f HEX HEX      fnmatch(pattern, string, 0) in the C.UTF-8 locale: 0 or 1 or the error
 *   w CLASS        the code points at which membership of the character class changes
 *   G|F N HEX HEX  the match N times over: nanoseconds a call
 *   D N HEX        import and get_dn N times over: nanoseconds a call, get_dn alone after a blank
 *   L g|f FILE FILE  the patterns of one file tried in turn on each name of the other (both one
 *                  a line): how many names got in, and the nanoseconds a name
 *
 * "-" stands for the empty string. A buffer has zeros behind its text, as libvirt's own has,
 * because GLib steps past the end of a string that is no valid UTF-8.
 */
#include <fnmatch.h>
#include <glib.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

static unsigned char *unhex(const char *hex, size_t *size)
{
    size_t n = hex[0] == '-' ? 0 : strlen(hex) / 2;
    unsigned char *out = calloc(n + 16, 1);

    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = byte;
    }
    *size = n;
    return out;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int get_dn(gnutls_x509_crt_t crt, char **out, size_t *size)
{
    int rc;

    *size = 256;
    *out = calloc(*size, 1);
    rc = gnutls_x509_crt_get_dn(crt, *out, size);
    if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER) {
        *out = realloc(*out, *size);
        rc = gnutls_x509_crt_get_dn(crt, *out, size);
    }
    return rc;
}

static void do_dn(const char *hex)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t der;
    size_t size;
    char *out = NULL;
    int rc;

    der.data = unhex(hex, &size);
    der.size = size;
    gnutls_x509_crt_init(&crt);
    rc = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
    if (rc == 0)
        rc = get_dn(crt, &out, &size);
    if (rc < 0) {
        printf("! %s\n", gnutls_strerror_name(rc));
    } else {
        printf("= ");
        for (size_t i = 0; i < size; i++)
            printf("%02x", (unsigned char)out[i]);
        printf("\n");
    }
    free(out);
    free(der.data);
    gnutls_x509_crt_deinit(crt);
}

static int match(char which, const char *pattern, const char *string)
{
    return which == 'g' ? g_pattern_match_simple(pattern, string) : fnmatch(pattern, string, 0);
}

static void time_match(char which, long count, const char *p, const char *s)
{
    volatile int sink = 0;
    double start = now();

    for (long i = 0; i < count; i++)
        sink += match(which, p, s);
    printf("%.1f\n", (now() - start) / count);
}

static void time_dn(long count, const char *hex)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t der;
    size_t size;
    double start, whole = 0, alone = 0;
    char *out;

    der.data = unhex(hex, &size);
    der.size = size;
    for (long i = 0; i < count; i++) {
        start = now();
        gnutls_x509_crt_init(&crt);
        gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
        whole += now() - start;
        start = now();
        get_dn(crt, &out, &size);
        alone += now() - start;
        free(out);
        gnutls_x509_crt_deinit(crt);
    }
    printf("%.1f %.1f\n", (whole + alone) / count, alone / count);
}

static char **lines(const char *file, size_t *count)
{
    char *text, **out;

    g_file_get_contents(file, &text, NULL, NULL);
    out = g_strsplit(g_strchomp(text), "\n", -1);
    *count = g_strv_length(out);
    return out;
}

static void time_list(char which, const char *patterns, const char *names)
{
    size_t np, nn, in = 0;
    char **p = lines(patterns, &np), **n = lines(names, &nn);
    int yes = which == 'g';
    double start = now();

    for (size_t i = 0; i < nn; i++) {
        for (size_t j = 0; j < np; j++) {
            if (match(which, p[j], n[i]) == yes) {
                in++;
                break;
            }
        }
    }
    printf("%zu %.1f\n", in, (now() - start) / nn);
    g_strfreev(p);
    g_strfreev(n);
}

static void class_runs(const char *name)
{
    wctype_t type = wctype(name);
    int before = 0;

    for (wint_t c = 0; c < 0x110000; c++) {
        int in = iswctype(c, type) != 0;
        if (in != before)
            printf("%x ", c);
        before = in;
    }
    printf("\n");
}

static void answer(char *line)
{
    char *save, *cmd = strtok_r(line, " ", &save);
    char *a = strtok_r(NULL, " ", &save), *b = strtok_r(NULL, " ", &save);
    char *c = strtok_r(NULL, " ", &save);
    size_t n;

    switch (cmd[0]) {
    case 'd': do_dn(a); return;
    case 'D': time_dn(atol(a), b); return;
    case 'w': class_runs(a); return;
    case 'L': time_list(a[0], b, c); return;
    }
    int timed = cmd[0] == 'G' || cmd[0] == 'F';
    char which = cmd[0] == 'g' || cmd[0] == 'G' ? 'g' : 'f';
    char *p = (char *)unhex(timed ? b : a, &n), *s = (char *)unhex(timed ? c : b, &n);
    if (timed)
        time_match(which, atol(a), p, s);
    else
        printf("%d\n", match(which, p, s));
    free(p);
    free(s);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (!setlocale(LC_ALL, "C.UTF-8")) {
        fprintf(stderr, "no C.UTF-8 locale\n");
        return 1;
    }
    while ((len = getline(&line, &cap, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = 0;
        answer(line);
        fflush(stdout);
    }
    return 0;
}
