/** What the integration tests stand on: Vela and its clients as real processes. */
@NullMarked
package io.vela.it.support;

import org.jspecify.annotations.NullMarked;
