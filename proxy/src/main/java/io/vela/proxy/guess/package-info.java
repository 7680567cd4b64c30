/** Bounds how often secrets can be guessed. */
@NullMarked
package io.vela.proxy.guess;

import org.jspecify.annotations.NullMarked;
