/** Where logs go. */
@NullMarked
package io.vela.cli.log;

import org.jspecify.annotations.NullMarked;
