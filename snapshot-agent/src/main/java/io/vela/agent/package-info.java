/** The agent's one face: snapshots, clones and their Postgres instances on one host. */
@NullMarked
package io.vela.agent;

import org.jspecify.annotations.NullMarked;
