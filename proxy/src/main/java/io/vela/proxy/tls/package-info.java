/** TLS towards clients: certificates, handshakes. Knows nothing of sessions. */
@NullMarked
package io.vela.proxy.tls;

import org.jspecify.annotations.NullMarked;
