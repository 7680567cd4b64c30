/** What can be set: validating records and the loader of vela.yaml. */
@NullMarked
package io.vela.config;

import org.jspecify.annotations.NullMarked;
