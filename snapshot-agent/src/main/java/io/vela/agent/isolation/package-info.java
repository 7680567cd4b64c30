/**
 * How an instance's processes are started and what they can see: launchers, namespaces, user ids,
 * the log that comes through a pipe. Knows processes and mounts, nothing of Postgres.
 */
@NullMarked
package io.vela.agent.isolation;

import org.jspecify.annotations.NullMarked;
