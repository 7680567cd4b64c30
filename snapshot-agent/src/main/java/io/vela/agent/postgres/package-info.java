/** Postgres binaries, and instances of them: configure, start, readiness, stop. */
@NullMarked
package io.vela.agent.postgres;

import org.jspecify.annotations.NullMarked;
