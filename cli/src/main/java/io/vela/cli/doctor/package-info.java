/** {@code vela doctor}: how Vela is, and what could be better. */
@NullMarked
package io.vela.cli.doctor;

import org.jspecify.annotations.NullMarked;
