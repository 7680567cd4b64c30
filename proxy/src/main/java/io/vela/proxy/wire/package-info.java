/**
 * The Postgres wire protocol: startup packets, handshake messages, and the tracking of message
 * frames in a running conversation. No input or output, and nothing of Vela. Sections named in this
 * package are those of the chapter <i>Frontend/Backend Protocol</i> of the PostgreSQL 18
 * documentation.
 */
@NullMarked
package io.vela.proxy.wire;

import org.jspecify.annotations.NullMarked;
