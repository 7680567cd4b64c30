/** Programs of Java's drivers, which the driver matrix runs as processes; see drivers/README.md. */
@NullMarked
package io.vela.it.drivers;

import org.jspecify.annotations.NullMarked;
