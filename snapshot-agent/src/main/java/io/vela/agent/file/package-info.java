/** Work on files in folders whose owner is not trusted. */
@NullMarked
package io.vela.agent.file;

import org.jspecify.annotations.NullMarked;
