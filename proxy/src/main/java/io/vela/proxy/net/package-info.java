/** Sockets: which kind of them, the threads that serve them, where clients are accepted. */
@NullMarked
package io.vela.proxy.net;

import org.jspecify.annotations.NullMarked;
