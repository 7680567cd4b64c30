/** Sessions that change their backend, beside sessions that never did, on real Postgres. */
@NullMarked
package io.vela.proxy.park;

import org.jspecify.annotations.NullMarked;
