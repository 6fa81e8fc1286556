/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tls);

/* How often files are looked at, in milliseconds, however many connect. */
#define TLS_LOOK_INTERVAL 1000

/* As stream-ssl.c has it. */
#define TLS_DEFAULT_CIPHERS "HIGH:!aNULL:!MD5"

/* By what it is noticed that a file is not what it was. */
struct tls_seen {
    ino_t ino;                  /* 0 if there is no such file. */
    off_t size;
    struct timespec mtime;
};

static char *settings[TLS_N_SETTINGS];
static bool bootstrap;
static bool started;
static SSL_CTX *server;
static struct tls_seen seen[TLS_N_FILES];
static long long look_at;

void
tls_set(enum tls_setting setting, const char *value)
{
    free(settings[setting]);
    settings[setting] = xstrdup(value);
    if (setting == TLS_CA_CERT) {
        bootstrap = false;
    }
}

/* 'ca_cert' need not exist: then it is written when the database shows
 * its. */
void
tls_set_bootstrap(const char *ca_cert)
{
    tls_set(TLS_CA_CERT, ca_cert);
    bootstrap = true;
}

/* Whether peers have to show a certificate that the CA has signed. */
bool
tls_verifies(void)
{
    return !settings[TLS_CA_CERT] || strcmp(settings[TLS_CA_CERT], "none");
}

static bool
tls_ca_is_to_come(void)
{
    struct stat s;

    return bootstrap && stat(settings[TLS_CA_CERT], &s) && errno == ENOENT;
}

/* Errors.
 *
 * OpenSSL keeps them in a queue that all its users share: what is of no
 * interest has to be taken out. */

/* Returns "FILE: cannot be used as WHAT (why)", which the caller frees. */
static char *
tls_error(enum tls_setting setting, const char *what)
{
    const char *name = settings[setting];
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    struct stat s;
    char *error;

    error = xasprintf("%s: cannot be used as %s (%s)", name, what,
                      stat(name, &s) ? ovs_strerror(errno)
                      : reason ? reason : "no reason");
    ERR_clear_error();
    return error;
}

/* Contexts. */

/* A key that needs a password is refused: nobody is there to be asked. */
static int
tls_no_password(char *buf OVS_UNUSED, int size OVS_UNUSED,
                int rwflag OVS_UNUSED, void *aux OVS_UNUSED)
{
    return 0;
}

static char *
tls_load_key(SSL_CTX *ctx)
{
    SSL_CTX_set_default_passwd_cb(ctx, tls_no_password);
    if (settings[TLS_CERTIFICATE]
        && SSL_CTX_use_certificate_file(ctx, settings[TLS_CERTIFICATE],
                                        SSL_FILETYPE_PEM) != 1) {
        return tls_error(TLS_CERTIFICATE, "certificate");
    }
    if (settings[TLS_PRIVATE_KEY]
        && SSL_CTX_use_PrivateKey_file(ctx, settings[TLS_PRIVATE_KEY],
                                       SSL_FILETYPE_PEM) != 1) {
        return tls_error(TLS_PRIVATE_KEY, "private key");
    }
    return NULL;
}

static char *
tls_load_ca(SSL_CTX *ctx)
{
    const char *name = settings[TLS_CA_CERT];
    STACK_OF(X509_NAME) *names;

    if (!tls_verifies()) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
    if (!name || tls_ca_is_to_come()) {
        return NULL;
    }
    if (SSL_CTX_load_verify_locations(ctx, name, NULL) != 1
        || !(names = SSL_load_client_CA_file(name))) {
        return tls_error(TLS_CA_CERT, "CA certificate");
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    return NULL;
}

static char *
tls_load_chain(SSL_CTX *ctx)
{
    const char *name = settings[TLS_PEER_CA_CERT];
    X509 *cert;
    size_t n = 0;

    BIO *bio = name ? BIO_new_file(name, "r") : NULL;
    while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        SSL_CTX_add_extra_chain_cert(ctx, cert);
        n++;
    }
    BIO_free(bio);
    if (name && !n) {
        return tls_error(TLS_PEER_CA_CERT, "CA certificate for peers");
    }
    ERR_clear_error();          /* It has come to the end of the file. */
    return NULL;
}

/* Lets peers speak those of the protocols in 'list' and no others. */
static char *
tls_set_protocols(SSL_CTX *ctx, const char *list)
{
    static const struct {
        const char *name;
        uint64_t off;
    } protocols[] = {
        { "TLSv1", SSL_OP_NO_TLSv1 },
        { "TLSv1.1", SSL_OP_NO_TLSv1_1 },
        { "TLSv1.2", SSL_OP_NO_TLSv1_2 },
    };
    uint64_t off = SSL_OP_NO_SSL_MASK;
    char *copy = xstrdup(list);
    char *error = NULL, *save_ptr = NULL;

    for (char *word = strtok_r(copy, " ,\t", &save_ptr); word && !error;
         word = strtok_r(NULL, " ,\t", &save_ptr)) {
        size_t i = 0;

        while (i < ARRAY_SIZE(protocols)
               && strcasecmp(word, protocols[i].name)) {
            i++;
        }
        if (i < ARRAY_SIZE(protocols)) {
            off &= ~protocols[i].off;
        } else {
            error = xasprintf("--ssl-protocols: \"%s\" is not TLSv1, TLSv1.1 "
                              "or TLSv1.2", word);
        }
    }
    if (!error && off == SSL_OP_NO_SSL_MASK) {
        error = xstrdup("--ssl-protocols: there must be one at least");
    }
    free(copy);
    SSL_CTX_set_options(ctx, off);
    return error;
}

static char *
tls_restrict(SSL_CTX *ctx)
{
    const char *ciphers = settings[TLS_CIPHERS];

    /* Each connection is verified by what is in force when it begins, so
     * none resumes an older one; nor does one begin in the middle of
     * another. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_cipher_list(ctx, (ciphers ? ciphers
                                      : TLS_DEFAULT_CIPHERS)) != 1) {
        ERR_clear_error();
        return xasprintf("--ssl-ciphers: \"%s\" names no cipher", ciphers);
    }
    return (settings[TLS_PROTOCOLS]
            ? tls_set_protocols(ctx, settings[TLS_PROTOCOLS]) : NULL);
}

/* Makes a context of what is in the files.  Returns NULL, storing it into
 * '*ctxp', or an error that the caller frees. */
static char *
tls_build(SSL_CTX **ctxp)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    ERR_clear_error();
    char *error = tls_load_key(ctx);
    if (!error) {
        error = tls_load_ca(ctx);
    }
    if (!error) {
        error = tls_load_chain(ctx);
    }
    if (!error) {
        error = tls_restrict(ctx);
    }
    if (error) {
        SSL_CTX_free(ctx);
        return error;
    }
    *ctxp = ctx;
    return NULL;
}

/* Says in the log what is in force. */
static void
tls_tell(const SSL_CTX *ctx)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (cert) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;

        X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0,
                           XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
        BIO_puts(bio, ", until ");
        ASN1_TIME_print(bio, X509_get0_notAfter(cert));
        long n = BIO_get_mem_data(bio, &text);
        VLOG_INFO("our certificate: %.*s", (int) n, text);
        BIO_free(bio);
    }
    if (!tls_verifies()) {
        VLOG_WARN("certificates of peers are not verified "
                  "(this is a security risk)");
    } else if (tls_ca_is_to_come()) {
        VLOG_WARN("%s: does not exist yet; until it does no switch is "
                  "trusted", settings[TLS_CA_CERT]);
    }
}

/* Brings 'ctx' in force, and what it was made of into the library. */
static void
tls_take(SSL_CTX *ctx)
{
    SSL_CTX_free(server);
    server = ctx;
    tls_tell(ctx);

    /* A key that does not belong to the certificate is not taken, so the
     * certificate comes first. */
    stream_ssl_set_certificate_file(settings[TLS_CERTIFICATE]);
    stream_ssl_set_private_key_file(settings[TLS_PRIVATE_KEY]);
    stream_ssl_set_ca_cert_file(settings[TLS_CA_CERT], bootstrap);
}

/* Returns true if a file is not what it was the last time. */
static bool
tls_look(void)
{
    bool changed = false;

    for (size_t i = 0; i < TLS_N_FILES; i++) {
        struct tls_seen now;
        struct stat s;

        /* It is compared byte by byte. */
        memset(&now, 0, sizeof now);
        if (settings[i] && !stat(settings[i], &s)) {
            now.ino = s.st_ino;
            now.size = s.st_size;
            now.mtime = s.st_mtim;
        }
        changed |= memcmp(&now, &seen[i], sizeof now) != 0;
        seen[i] = now;
    }
    return changed;
}

/* Reads the files that have been set, if any.  Returns NULL, or an error that
 * the caller frees. */
char *
tls_start(void)
{
    SSL_CTX *ctx;
    char *error;
    size_t i = 0;

    while (i < TLS_N_SETTINGS && !settings[i]) {
        i++;
    }
    if (i == TLS_N_SETTINGS) {
        return NULL;
    }
    tls_look();
    look_at = time_msec() + TLS_LOOK_INTERVAL;
    error = tls_build(&ctx);
    if (error) {
        return error;
    }
    stream_ssl_set_protocols(settings[TLS_PROTOCOLS]);
    stream_ssl_set_ciphers(settings[TLS_CIPHERS]);
    if (settings[TLS_PEER_CA_CERT]) {
        stream_ssl_set_peer_ca_cert_file(settings[TLS_PEER_CA_CERT]);
    }
    tls_take(ctx);
    started = true;
    return NULL;
}

/* Reads the files again if they have changed.  To be called before a
 * connection begins, and as often as anybody likes. */
void
tls_refresh(long long now)
{
    SSL_CTX *ctx;

    if (!started || now < look_at) {
        return;
    }
    look_at = now + TLS_LOOK_INTERVAL;
    if (tls_look()) {
        char *error = tls_build(&ctx);

        if (error) {
            VLOG_WARN("%s; what was read before stays in force", error);
            free(error);
        } else {
            tls_take(ctx);
        }
    }
}

/* Forgets all settings. */
void
tls_stop(void)
{
    for (size_t i = 0; i < TLS_N_SETTINGS; i++) {
        free(settings[i]);
        settings[i] = NULL;
    }
    SSL_CTX_free(server);
    server = NULL;
    started = bootstrap = false;
}

/* Returns the option that is missing for this program to be a server, or
 * NULL. */
const char *
tls_server_lacks(void)
{
    return (!settings[TLS_PRIVATE_KEY] ? "--private-key"
            : !settings[TLS_CERTIFICATE] ? "--certificate"
            : !settings[TLS_CA_CERT] ? "--ca-cert" : NULL);
}

/* Returns what is in force, for a new connection. */
SSL_CTX *
tls_server(void)
{
    tls_refresh(time_msec());
    return server;
}
