# Reference values for equivalence tests.
# Run in this folder: Rscript equivalence.R    (packages clubSandwich, lme4, emmeans)
# Reads data.csv (written by reference.R), writes equivalence.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
suppressPackageStartupMessages({library(clubSandwich); library(lme4); library(emmeans)})
source("real.R")
data <- with_real(read.csv("data.csv"), "data.csv")
rows <- list()
add <- function(cohort, margin, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, margin = margin, what = what, value = value)
}
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  d$subject <- factor(d$subject)
  r <- suppressMessages(lmer(y ~ 1 + (1 | subject), d, REML = TRUE,
            control = lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))))
  u <- coef_test(r, vcov = vcovCR(r, type = "CR2"), test = "Satterthwaite")
  first <- d[!duplicated(d$subject), ]   # one clip per subject: the plain t test
  plain <- emmeans(lm(y ~ 1, first), ~ 1)
  for (margin in c(1, 2, 4)) {
    p <- max(pt((u$beta + margin) / u$SE, u$df_Satt, lower.tail = FALSE),
             pt((u$beta - margin) / u$SE, u$df_Satt))
    add(name, margin, "clustered_p", p)
    add(name, margin, "plain_p", as.data.frame(test(plain, delta = margin, side = "equivalence"))$p.value)
  }
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "equivalence.csv", row.names = FALSE, quote = FALSE)
