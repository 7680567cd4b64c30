/** Speaks Postgres to clients: the proxy as a whole. */
@NullMarked
package io.vela.proxy;

import org.jspecify.annotations.NullMarked;
