/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_TLS_H
#define CONTROLLER_TLS_H 1

/* Keys and certificates: of this program, and whom it trusts.
 *
 * There is one set of files for both sides: the database that we are a client
 * of, whose connections are the library's (stream-ssl.h), and the switches
 * that are clients of ours (controller/ofconn.h), for which this makes an
 * SSL_CTX.  The options are those of Open vSwitch's programs, and mean the
 * same.
 *
 * tls_set() only takes note; tls_start() reads the files.  From then on
 * tls_refresh() reads them again when they have changed, all of them if one
 * has, and only if they make sense together they come in force, on both
 * sides.  Until then, and if they never do, the old ones stay.  Connections
 * that there are go on with what they began with.
 *
 * The SSL_CTX is ours; an SSL that is made from it holds a reference. */

#include <openssl/types.h>
#include <stdbool.h>
#include "openvswitch/compiler.h"
#include "stream-ssl.h"

enum tls_setting {
    TLS_PRIVATE_KEY,
    TLS_CERTIFICATE,
    TLS_CA_CERT,                /* Or "none": trust anybody. */
    TLS_PEER_CA_CERT,           /* Sent to peers, which bootstrap from it. */
    TLS_N_FILES,
    TLS_PROTOCOLS = TLS_N_FILES,
    TLS_CIPHERS,
    TLS_N_SETTINGS
};

/* For a program's table of options. */
#define TLS_OPTION_ENUMS                                                  \
    OPT_PEER_CA_CERT,                                                     \
    OPT_BOOTSTRAP_CA_CERT,                                                \
    SSL_OPTION_ENUMS

#define TLS_LONG_OPTIONS                                                  \
    STREAM_SSL_LONG_OPTIONS,                                              \
    {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},          \
    {"bootstrap-ca-cert", required_argument, NULL, OPT_BOOTSTRAP_CA_CERT}

#define TLS_OPTION_HANDLERS                                               \
    case 'p':                                                             \
        tls_set(TLS_PRIVATE_KEY, optarg);                                 \
        break;                                                            \
    case 'c':                                                             \
        tls_set(TLS_CERTIFICATE, optarg);                                 \
        break;                                                            \
    case 'C':                                                             \
        tls_set(TLS_CA_CERT, optarg);                                     \
        break;                                                            \
    case OPT_PEER_CA_CERT:                                                \
        tls_set(TLS_PEER_CA_CERT, optarg);                                \
        break;                                                            \
    case OPT_BOOTSTRAP_CA_CERT:                                           \
        tls_set_bootstrap(optarg);                                        \
        break;                                                            \
    case OPT_SSL_PROTOCOLS:                                               \
        tls_set(TLS_PROTOCOLS, optarg);                                   \
        break;                                                            \
    case OPT_SSL_CIPHERS:                                                 \
        tls_set(TLS_CIPHERS, optarg);                                     \
        break;

void tls_set(enum tls_setting, const char *value);
void tls_set_bootstrap(const char *ca_cert);
char *tls_start(void) OVS_WARN_UNUSED_RESULT;
void tls_refresh(long long now);
void tls_stop(void);

const char *tls_server_lacks(void);
SSL_CTX *tls_server(void);
bool tls_verifies(void);

#endif /* controller/tls.h */
