/** Small values that are valid once they exist. */
@NullMarked
package io.vela.config.value;

import org.jspecify.annotations.NullMarked;
