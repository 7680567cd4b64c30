/** Copy-on-write storage: the pool, its volumes, and what a driver must do. */
@NullMarked
package io.vela.agent.storage;

import org.jspecify.annotations.NullMarked;
