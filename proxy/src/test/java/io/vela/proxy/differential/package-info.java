/**
 * What clients see through Vela compared, byte for byte, with what they see of the same Postgres.
 */
@NullMarked
package io.vela.proxy.differential;

import org.jspecify.annotations.NullMarked;
