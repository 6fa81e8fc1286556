/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/ofconn_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include "controller/ofconn_private.h"
#include "controller/tls.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Bytes that are made ready at a time: the rest stays as it is, until the
 * peer has taken these. */
#define OFCONN_TLS_CHUNK (1024 * 1024)

/* What a record adds to its content, and more. */
#define OFCONN_TLS_RECORD (SSL3_RT_MAX_PLAIN_LENGTH)
#define OFCONN_TLS_OVERHEAD 128

struct ofconn_tls {
    SSL *ssl;
    struct ofpbuf out;          /* To be put onto the wire. */
    char *cn;                   /* NULL until it is known, or if there is
                                 * none. */
    char *failure;              /* NULL while all is well. */
    bool closed;                /* 'failure' is that the peer has ended. */
};

/* What OpenSSL has for the wire is appended to 'out' of its session. */

static int
ofconn_tls_out(BIO *bio, const char *data, size_t size, size_t *written)
{
    struct ofconn_tls *tls = BIO_get_data(bio);

    ofpbuf_put(&tls->out, data, size);
    *written = size;
    return 1;
}

static long
ofconn_tls_ctrl(BIO *bio OVS_UNUSED, int cmd, long larg OVS_UNUSED,
                void *parg OVS_UNUSED)
{
    return cmd == BIO_CTRL_FLUSH;
}

static BIO *
ofconn_tls_out_new(struct ofconn_tls *tls)
{
    static BIO_METHOD *method;

    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
                              "ofconn");
        BIO_meth_set_write_ex(method, ofconn_tls_out);
        BIO_meth_set_ctrl(method, ofconn_tls_ctrl);
    }

    BIO *bio = BIO_new(method);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

/* Makes the session of a connection that a switch has begun. */
struct ofconn_tls *
ofconn_tls_create(void)
{
    struct ofconn_tls *tls = xzalloc(sizeof *tls);

    tls->ssl = SSL_new(tls_server());
    if (!tls->ssl) {
        out_of_memory();
    }
    ofpbuf_init(&tls->out, 0);
    SSL_set0_wbio(tls->ssl, ofconn_tls_out_new(tls));
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void
ofconn_tls_destroy(struct ofconn_tls *tls)
{
    if (tls) {
        SSL_free(tls->ssl);
        ofpbuf_uninit(&tls->out);
        free(tls->cn);
        free(tls->failure);
        free(tls);
    }
}

/* Returns the common name in 'cert', which the caller frees, or NULL if that
 * has none or is NULL. */
static char *
ofconn_tls_read_cn(const X509 *cert)
{
    const X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;
    int i = name ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;
    unsigned char *text;

    if (i < 0) {
        return NULL;
    }

    int n = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    if (n < 0) {
        ERR_clear_error();
        return NULL;
    }
    /* One that has a null byte in it would be taken for another one. */
    char *cn = strlen((char *) text) == n ? xstrdup((char *) text) : NULL;
    OPENSSL_free(text);
    return cn;
}

/* Returns why OpenSSL has given up, which the caller frees. */
static char *
ofconn_tls_explain(const SSL *ssl)
{
    /* The last one is what the others have led to. */
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    const char *text = ERR_reason_error_string(error);

    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return xstrdup("it has no certificate");
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return xasprintf("its certificate is not trusted: %s",
                         X509_verify_cert_error_string(
                             SSL_get_verify_result(ssl)));
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return xstrdup("it does not speak TLS");
    default:
        return (reason > SSL_AD_REASON_OFFSET
                ? xasprintf("it does not accept us: %s", text)
                : xasprintf("TLS: %s", text ? text : "no reason"));
    }
}

static void
ofconn_tls_check(struct ofconn_tls *tls, int result)
{
    int error = SSL_get_error(tls->ssl, result);

    if (error == SSL_ERROR_ZERO_RETURN) {
        tls->closed = true;
        tls->failure = xstrdup("connection closed by peer");
    } else if (error != SSL_ERROR_WANT_READ) {
        tls->failure = ofconn_tls_explain(tls->ssl);
    }
    ERR_clear_error();          /* Others share the queue of errors. */
}

/* The 'size' bytes at 'data' came from the peer.  They are to be read before
 * they go. */
void
ofconn_tls_feed(struct ofconn_tls *tls, const void *data, size_t size)
{
    BIO *bio = BIO_new_mem_buf(data, size);

    BIO_set_mem_eof_return(bio, -1);    /* There will be more. */
    SSL_set0_rbio(tls->ssl, bio);
}

/* Reads into the 'size' bytes at 'data' what has been fed, and returns how
 * many bytes that was: 0 if there are no more, or in the case of a failure. */
size_t
ofconn_tls_read(struct ofconn_tls *tls, void *data, size_t size)
{
    bool was_complete = SSL_is_init_finished(tls->ssl);
    size_t n = 0;

    while (!tls->failure && n < size) {
        int retval = SSL_read(tls->ssl, (char *) data + n, size - n);

        if (retval <= 0) {
            ofconn_tls_check(tls, retval);
            break;
        }
        n += retval;
    }
    if (!was_complete && SSL_is_init_finished(tls->ssl)
        && SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER) {
        tls->cn = ofconn_tls_read_cn(SSL_get0_peer_certificate(tls->ssl));
    }
    return n;
}

/* Takes from 'tx' what can be sent, and returns what is to be put onto the
 * wire.  Who does that takes it from there. */
struct ofpbuf *
ofconn_tls_wire(struct ofconn_tls *tls, struct ofpbuf *tx)
{
    size_t n = MIN(tx->size, OFCONN_TLS_CHUNK);

    if (!tls->out.size) {
        ofpbuf_uninit(&tls->out);
        ofpbuf_init(&tls->out, 0);
    }
    if (!n || tls->out.size || tls->failure
        || !SSL_is_init_finished(tls->ssl)) {
        return &tls->out;
    }
    ofpbuf_prealloc_tailroom(&tls->out, n + ((n / OFCONN_TLS_RECORD + 1)
                                             * OFCONN_TLS_OVERHEAD));
    int retval = SSL_write(tls->ssl, tx->data, n);
    if (retval <= 0) {
        ofconn_tls_check(tls, retval);
        return &tls->out;
    }
    ofpbuf_pull(tx, retval);
    if (!tx->size) {
        ofconn_spare_give(tx);
    }
    return &tls->out;
}

/* Says goodbye, as far as that is possible. */
void
ofconn_tls_end(struct ofconn_tls *tls)
{
    if (!tls->failure && SSL_is_init_finished(tls->ssl)) {
        SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
}

/* Returns why there is nothing more to come, or NULL if there is; if '*closed'
 * is true then, because the peer has said so. */
const char *
ofconn_tls_failure(const struct ofconn_tls *tls, bool *closed)
{
    *closed = tls->closed;
    return tls->failure;
}

/* Returns the common name in the peer's certificate, which has been verified,
 * or NULL. */
const char *
ofconn_tls_cn(const struct ofconn_tls *tls)
{
    return tls->cn;
}
