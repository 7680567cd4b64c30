/** Tests of the whole agent. */
@NullMarked
package io.vela.agent;

import org.jspecify.annotations.NullMarked;
