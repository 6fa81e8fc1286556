/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* TLS under OpenFlow: everything arrives, whoever is slow, and from those
 * only who have a certificate.  The test is the switch. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/loop.h"
#include "controller/ofconn.h"
#include "controller/ofconn_private.h"
#include "controller/tls.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "socket-util.h"
#include "svec.h"
#include "util.h"

enum { SIZE = 4096, N = 1000 };         /* Messages of a long conversation. */

/* Certificates. */

struct id {
    EVP_PKEY *key;
    X509 *cert;
};

/* Makes a key, and a certificate for it with the 'size' bytes at 'cn' as
 * common name that 'ca' signs, or the key itself if that is NULL. */
static struct id
make_id(const char *cn, int size, const struct id *ca)
{
    struct id id = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
    X509_NAME *name = X509_get_subject_name(id.cert);

    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), 3600);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *) cn, size, -1, 0);
    X509_set_issuer_name(id.cert, ca ? X509_get_subject_name(ca->cert)
                         : name);
    if (!ca) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(
            NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

        X509_add_ext(id.cert, ext, -1);
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(id.cert, ca ? ca->key : id.key, EVP_sha256()));
    return id;
}

static void
free_id(struct id *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
}

/* Writes 'cert', or 'key', to a file and makes that a setting. */
static void
set_file(struct svec *files, enum tls_setting setting, X509 *cert,
         EVP_PKEY *key)
{
    char name[] = "/tmp/test-ofconn-tls.XXXXXX";
    FILE *stream = fdopen(mkstemp(name), "w");

    svec_add(files, name);

    assert_true(cert ? PEM_write_X509(stream, cert)
                : PEM_write_PrivateKey(stream, key, NULL, NULL, 0, NULL,
                                       NULL));
    fclose(stream);
    tls_set(setting, name);
}

/* The controller. */

struct world {
    struct id ca;
    struct svec files;
    struct ofconn_user user;
    struct ofconn_listener *listener;
    struct ofconn *conn;        /* That has been opened, and not closed. */
    size_t n_received;
    int n_closed;
};

static void
opened(struct ofconn *conn, void *world_)
{
    struct world *world = world_;

    world->conn = conn;
    ofconn_set_known(conn, true);
}

/* Byte 'i' of the body of message 'number'. */
static uint8_t
body(size_t number, size_t i)
{
    return number * 7 + i / 256;
}

static void
check_message(const struct ofp_header *oh, size_t number)
{
    const uint8_t *p = (const uint8_t *) (oh + 1);

    assert_int_equal(ntohs(oh->length), SIZE);
    for (size_t i = 0; i < SIZE - sizeof *oh; i++) {
        assert_int_equal(p[i], body(number, i));
    }
}

static void
make_message(uint8_t msg[SIZE], size_t number)
{
    struct ofp_header *oh = (struct ofp_header *) msg;

    *oh = (struct ofp_header) {
        .version = OFP15_VERSION, .type = 4, .length = htons(SIZE),
    };
    for (size_t i = 0; i < SIZE - sizeof *oh; i++) {
        msg[sizeof *oh + i] = body(number, i);
    }
}

static void
message(struct ofconn *conn OVS_UNUSED, const struct ofp_header *oh,
        void *world_)
{
    struct world *world = world_;

    check_message(oh, world->n_received++);
}

static void
closed(struct ofconn *conn OVS_UNUSED, void *world_)
{
    struct world *world = world_;

    world->conn = NULL;
    world->n_closed++;
}

static int
setup(void **state)
{
    struct world *world = xzalloc(sizeof *world);
    struct id own = make_id("ctl", -1, NULL);

    world->ca = make_id("authority", -1, NULL);
    world->user = (struct ofconn_user) {
        .opened = opened, .message = message, .closed = closed, .aux = world,
    };
    set_file(&world->files, TLS_PRIVATE_KEY, NULL, own.key);
    set_file(&world->files, TLS_CERTIFICATE, own.cert, NULL);
    set_file(&world->files, TLS_CA_CERT, world->ca.cert, NULL);
    assert_null(tls_start());
    assert_null(ofconn_listen("pssl:0:127.0.0.1", &world->user,
                              &world->listener));
    free_id(&own);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;
    const char *name;
    size_t i;

    SVEC_FOR_EACH (i, name, &world->files) {
        unlink(name);
    }
    svec_destroy(&world->files);
    ofconn_listener_close(world->listener);
    loop_run();
    free_id(&world->ca);
    tls_stop();
    free(world);
    return 0;
}

/* The switch. */

struct client {
    int fd;
    SSL *ssl;
};

static void
client_connect(struct client *client, const struct world *world,
               const struct id *id)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct sockaddr_in sin;
    socklen_t len = sizeof sin;

    assert_int_equal(getsockname(world->listener->fd,
                                 (struct sockaddr *) &sin, &len), 0);
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *) &sin,
                             sizeof sin), 0);
    set_nonblocking(client->fd);
    if (id) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, id->cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, id->key), 1);
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    client->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(client->ssl, client->fd);
    SSL_set_connect_state(client->ssl);
}

static void
client_close(struct client *client)
{
    SSL_free(client->ssl);
    close(client->fd);
    ERR_clear_error();
}

static void
client_write(struct client *client, const void *data, size_t size)
{
    for (size_t n = 0; n < size; ) {
        int retval = SSL_write(client->ssl, (const char *) data + n,
                               size - n);

        n += MAX(retval, 0);
        loop_run();
    }
}

/* Reads exactly 'size' bytes. */
static void
client_read(struct client *client, void *data, size_t size)
{
    for (size_t n = 0; n < size; ) {
        int retval = SSL_read(client->ssl, (char *) data + n, size - n);

        n += MAX(retval, 0);
        loop_run();
    }
}

/* Says hello, and waits until the controller has done so. */
static void
client_greet(struct client *client, struct world *world)
{
    struct ofpbuf *hello = ofputil_encode_hello(1u << OFP15_VERSION);
    uint8_t answer[16];

    client_write(client, hello->data, hello->size);
    client_read(client, answer, sizeof answer);
    while (!world->conn) {
        loop_run();
    }
    ofpbuf_delete(hello);
}

/* Messages that come in pieces of any size are what they were. */
static void
test_to_us(void **state)
{
    struct world *world = *state;
    struct id id = make_id("edge1", -1, &world->ca);
    struct client client;
    static uint8_t stream[N * SIZE];

    client_connect(&client, world, &id);
    client_greet(&client, world);
    assert_string_equal(ofconn_cn(world->conn), "edge1");
    assert_int_equal(strncmp(ofconn_name(world->conn), "ssl:127.0.0.1:", 14),
                     0);
    for (size_t i = 0; i < N; i++) {
        make_message(stream + i * SIZE, i);
    }
    client_write(&client, stream, 100);
    client_write(&client, stream + 100, 20000);
    client_write(&client, stream + 20100, sizeof stream - 20100);
    while (world->n_received < N) {
        loop_run();
    }
    SSL_shutdown(client.ssl);
    while (world->conn) {
        loop_run();
    }
    client_close(&client);
    free_id(&id);
}

/* More than the socket takes, and more than is made ready at once, to a peer
 * that reads late: nothing is lost, and nothing overtakes anything. */
static void
test_from_us(void **state)
{
    struct world *world = *state;
    struct id id = make_id("edge1", -1, &world->ca);
    struct client client;
    uint8_t msg[SIZE];

    client_connect(&client, world, &id);
    client_greet(&client, world);
    for (size_t i = 0; i < N; i++) {
        make_message(msg, i);
        ofconn_put(world->conn, msg, SIZE);
        if (i % 7 == 0) {
            ofconn_flush();
        }
    }
    for (size_t i = 0; i < N; i++) {
        client_read(&client, msg, SIZE);
        check_message((const struct ofp_header *) msg, i);
    }
    ofconn_close(world->conn, "test ends");
    loop_run();
    /* It is told so, in TLS's own words. */
    assert_int_equal(SSL_read(client.ssl, msg, SIZE), 0);
    assert_int_equal(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN);
    client_close(&client);
    free_id(&id);
}

/* Who gets in. */
static void
test_who(void **state)
{
    struct world *world = *state;
    struct id stranger = make_id("authority", -1, NULL);
    const struct {
        const char *what;
        const char *cn;         /* NULL: it has no certificate. */
        int size;               /* Of 'cn', or -1. */
        const struct id *ca;
        bool opened;
        const char *known_as;
    } rows[] = {
        { "signed by our CA", "e1", -1, &world->ca, true, "e1" },
        { "a null byte in its name", "e1\0.x", 5, &world->ca, true, NULL },
        { "signed by another CA", "e1", -1, &stranger, false, NULL },
        { "signed by itself", "e1", -1, NULL, false, NULL },
        { "no certificate", NULL, 0, NULL, false, NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct id id = make_id(rows[i].cn ? rows[i].cn : "", rows[i].size,
                               rows[i].ca);
        struct client client;
        char byte;

        client_connect(&client, world, rows[i].cn ? &id : NULL);
        if (rows[i].opened) {
            client_greet(&client, world);
            const char *cn = ofconn_cn(world->conn);
            if (!nullable_string_is_equal(cn, rows[i].known_as)) {
                fail_msg("%s: known as %s", rows[i].what, cn ? cn : "-");
            }
            ofconn_close(world->conn, "test ends");
            closed(NULL, world);
        } else {
            int retval = -1, error = SSL_ERROR_WANT_READ;

            while (error == SSL_ERROR_WANT_READ) {
                loop_run();
                retval = SSL_read(client.ssl, &byte, 1);
                error = SSL_get_error(client.ssl, retval);
            }
            if (error != SSL_ERROR_SSL || world->conn) {
                fail_msg("%s: not told that it is refused", rows[i].what);
            }
        }
        client_close(&client);
        free_id(&id);
    }
    assert_int_equal(world->n_closed, 2);   /* Of those that got in. */
    free_id(&stranger);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_to_us, setup, teardown),
        cmocka_unit_test_setup_teardown(test_from_us, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who, setup, teardown),
    };

    return cmocka_run_group_tests_name("ofconn_tls", tests, NULL, NULL);
}
