/** Where the data of a snapshot comes from. */
@NullMarked
package io.vela.agent.source;

import org.jspecify.annotations.NullMarked;
