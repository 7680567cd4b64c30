/** vela baseline. */
@NullMarked
package io.vela.cli.baseline;

import org.jspecify.annotations.NullMarked;
