/** Which branches may have a running instance: places, and who waits for one. */
@NullMarked
package io.vela.router.room;

import org.jspecify.annotations.NullMarked;
