/** The promises of the whole, kept with real Postgres, real file systems and real clients. */
@NullMarked
package io.vela.it;

import org.jspecify.annotations.NullMarked;
