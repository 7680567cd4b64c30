/** When a branch may sleep. */
@NullMarked
package io.vela.router.idle;

import org.jspecify.annotations.NullMarked;
