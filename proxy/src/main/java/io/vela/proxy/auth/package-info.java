/**
 * Proves who a client is: password exchanges and tokens. Knows no sockets and no messages' framing.
 */
@NullMarked
package io.vela.proxy.auth;

import org.jspecify.annotations.NullMarked;
