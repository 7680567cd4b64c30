/** vela url and vela psql. */
@NullMarked
package io.vela.cli.connect;

import org.jspecify.annotations.NullMarked;
