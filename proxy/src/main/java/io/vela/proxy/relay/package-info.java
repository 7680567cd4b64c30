/**
 * The hot path: hands the bytes of a client to its backend and back. Knows channels, buffers and
 * message frames; nothing of routing, authentication or configuration.
 */
@NullMarked
package io.vela.proxy.relay;

import org.jspecify.annotations.NullMarked;
