/** The verbs about the pool. */
@NullMarked
package io.vela.cli.pool;

import org.jspecify.annotations.NullMarked;
