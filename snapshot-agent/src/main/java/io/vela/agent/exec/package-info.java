/** The only place that starts processes. */
@NullMarked
package io.vela.agent.exec;

import org.jspecify.annotations.NullMarked;
