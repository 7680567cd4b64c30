/** Brings a client's CancelRequest to the backend that serves it. */
@NullMarked
package io.vela.proxy.cancel;

import org.jspecify.annotations.NullMarked;
