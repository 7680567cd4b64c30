/** Which branch a client means. */
@NullMarked
package io.vela.router.route;

import org.jspecify.annotations.NullMarked;
