/** The command {@code vela}. */
@NullMarked
package io.vela.cli;

import org.jspecify.annotations.NullMarked;
