/** vela branch. */
@NullMarked
package io.vela.cli.branch;

import org.jspecify.annotations.NullMarked;
