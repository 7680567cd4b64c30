/** vela up: composes everything. */
@NullMarked
package io.vela.cli.up;

import org.jspecify.annotations.NullMarked;
