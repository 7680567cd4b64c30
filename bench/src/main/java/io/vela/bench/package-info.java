/** Benchmarks of the whole, on real Postgres: each figure beside its floor in the same run. */
@NullMarked
package io.vela.bench;

import org.jspecify.annotations.NullMarked;
