/** Branches and the one owner of each one's transitions. */
@NullMarked
package io.vela.router.branch;

import org.jspecify.annotations.NullMarked;
