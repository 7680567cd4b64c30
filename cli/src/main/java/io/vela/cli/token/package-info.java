/** vela token. */
@NullMarked
package io.vela.cli.token;

import org.jspecify.annotations.NullMarked;
