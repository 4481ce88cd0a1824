# Reference values for pooling.
# Run in this folder: Rscript pooling.R    (packages metafor, clubSandwich)
# Writes pooling_data.csv (made here, seed fixed) and pooling.csv; the tests need no R.
# Adds five parts of the subjects of real label revisions, where tests/references.py wrote them:
# the mean of each, with clubSandwich's CR2 error. None of their rows is written.
suppressPackageStartupMessages(library(metafor))
source("real.R")
set.seed(20261126)
set <- function(name, k, tau) {
  se <- round(exp(rnorm(k, 1, 0.5)), 3)
  data.frame(set = name, y = round(rnorm(k, 4, sqrt(tau^2 + se^2)), 3), se = se)
}
data <- rbind(set("varied", 5, 6), set("alike", 6, 0), set("three", 3, 4), set("many", 12, 3),
              data.frame(set = "tight", y = c(4.0, 4.1, 3.9, 4.05), se = c(2, 3, 1.5, 2.5)))
write.csv(data, "pooling_data.csv", row.names = FALSE, quote = FALSE)
clips <- with_real(data.frame(cohort = character(), subject = character(), y = numeric()), "data.csv")
for (name in unique(clips$cohort)) {
  own <- clips[clips$cohort == name, ]
  for (part in split(own, as.integer(substring(own$subject, 2)) %% 5)) {
    m <- lm(y ~ 1, part)
    v <- clubSandwich::vcovCR(m, cluster = part$subject, type = "CR2")
    data <- rbind(data, data.frame(set = name, y = unname(coef(m)), se = sqrt(v[1])))
  }
}
rows <- list()
add <- function(set, what, value) rows[[length(rows) + 1]] <<- data.frame(set = set, what = what, value = value)
control <- list(threshold = 1e-14, maxiter = 10000)
for (name in unique(data$set)) {
  d <- data[data$set == name, ]
  for (test in c("knha", "adhoc")) {
    m <- rma(y, sei = se, data = d, method = "REML", test = test, control = control)
    add(name, paste0(test, "_mean"), as.numeric(m$b)); add(name, paste0(test, "_se"), m$se)
    add(name, paste0(test, "_low"), m$ci.lb); add(name, paste0(test, "_high"), m$ci.ub)
    p <- predict(m)
    add(name, paste0(test, "_predicted_low"), p$pi.lb); add(name, paste0(test, "_predicted_high"), p$pi.ub)
  }
  add(name, "tau2", m$tau2); add(name, "q", m$QE); add(name, "q_p", m$QEp)
  ci <- suppressWarnings(confint(m, control = list(tol = 1e-12, tau2.max = 1e4)))$random
  add(name, "tau_low", ci["tau", "ci.lb"]); add(name, "tau_high", ci["tau", "ci.ub"])
  f <- rma(y, sei = se, data = d, method = "FE")
  add(name, "fixed_se", f$se); add(name, "fixed_low", f$ci.lb); add(name, "fixed_high", f$ci.ub)
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "pooling.csv", row.names = FALSE, quote = FALSE)
