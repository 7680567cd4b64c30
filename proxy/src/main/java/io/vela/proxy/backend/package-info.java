/** Connects to instances. */
@NullMarked
package io.vela.proxy.backend;

import org.jspecify.annotations.NullMarked;
