/** The one door for proxy and admin. */
@NullMarked
package io.vela.router;

import org.jspecify.annotations.NullMarked;
