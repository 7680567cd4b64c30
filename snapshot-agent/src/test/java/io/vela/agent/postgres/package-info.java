/** Tests on real Postgres. */
@NullMarked
package io.vela.agent.postgres;

import org.jspecify.annotations.NullMarked;
