/** Tests on real Postgres. */
@NullMarked
package io.vela.agent.isolation;

import org.jspecify.annotations.NullMarked;
