/** What outlives the process: branches, snapshots, baselines, tokens, events. */
@NullMarked
package io.vela.router.catalog;

import org.jspecify.annotations.NullMarked;
