/** Many clients for a long time, while branches sleep, wake and restart under them. */
@NullMarked
package io.vela.it.soak;

import org.jspecify.annotations.NullMarked;
