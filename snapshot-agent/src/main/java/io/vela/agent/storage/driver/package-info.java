/** One file a storage driver. */
@NullMarked
package io.vela.agent.storage.driver;

import org.jspecify.annotations.NullMarked;
