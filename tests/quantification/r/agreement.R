# Reference values for limits of agreement, agreement coefficients and spreads.
# Run in this folder: Rscript agreement.R    (packages lme4, clubSandwich, psych)
# Writes agreement_data.csv (made here, seed fixed, and one published example) and
# agreement_reference.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
suppressMessages({library(lme4); library(clubSandwich); library(psych)})
source("real.R")
set.seed(20240917)
cohort <- function(name, sizes, between, within, whole = TRUE) {
  subject <- rep(sprintf("s%02d", seq_along(sizes)), sizes)
  n <- length(subject)
  x <- 20 + rnorm(length(sizes), 0, 4)[factor(subject)] + rnorm(n, 0, 6)
  d <- 1.5 + rnorm(length(sizes), 0, between)[factor(subject)] + rnorm(n, 0, within)
  if (whole) { x <- round(x); d <- round(d) }
  data.frame(cohort = name, subject = subject, x = x, y = x + d)
}
# Bland and Altman 2007, J Biopharm Stat 17:571, table 1: cardiac output by radionuclide
# ventriculography (x here is the impedance value, so that y - x is RV - IC), 12 subjects
cardiac <- data.frame(
  cohort = "cardiac",
  subject = rep(sprintf("s%02d", 1:12), c(5, 4, 6, 5, 6, 4, 4, 6, 3, 5, 6, 6)),
  x = c(6.57, 5.62, 6.90, 6.57, 6.35, 4.06, 4.29, 4.26, 4.09, 4.71, 5.50, 5.08, 5.02, 6.01, 5.67,
        4.14, 4.20, 4.61, 4.68, 5.04, 3.03, 2.86, 2.77, 2.46, 2.32, 2.43, 5.90, 5.81, 5.70, 5.76,
        5.09, 4.63, 4.61, 5.09, 4.72, 4.61, 4.36, 4.20, 4.36, 4.20, 3.17, 3.12, 2.96, 4.35, 4.62,
        3.16, 3.53, 3.53, 7.20, 6.09, 7.00, 7.10, 7.40, 6.80, 4.50, 4.20, 3.80, 3.80, 4.20, 4.50),
  y = c(7.83, 7.42, 7.89, 7.12, 7.88, 6.16, 7.26, 6.71, 6.54, 4.75, 5.24, 4.86, 4.78, 6.05, 5.42,
        4.21, 3.61, 3.72, 3.87, 3.92, 3.13, 2.98, 2.85, 3.17, 3.09, 3.12, 5.92, 6.42, 5.92, 6.27,
        7.13, 6.62, 6.58, 6.93, 4.54, 4.81, 5.11, 5.29, 5.39, 5.57, 4.48, 4.92, 3.97, 4.22, 4.65,
        4.74, 4.44, 4.50, 6.78, 6.07, 6.52, 6.42, 6.41, 5.76, 5.06, 4.72, 4.90, 4.80, 4.90, 5.10))
uneven <- 1 + rpois(25, rlnorm(25, 1, 0.8))
data <- rbind(cohort("uneven", uneven, 2, 3), cohort("flat", rep(5, 16), 0.4, 3),
              cohort("single", rep(1, 40), 1, 3), cohort("single_large", rep(1, 90), 2, 5),
              cohort("single_fine", rep(1, 25), 1, 1, whole = FALSE), cardiac)
data$x <- signif(data$x, 12); data$y <- signif(data$y, 12)
write.csv(data, "agreement_data.csv", row.names = FALSE, quote = FALSE)
data <- with_real(data, "agreement_data.csv")

rows <- list()
add <- function(cohort, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, what = what, value = as.numeric(value))
}
# Satterthwaite's df of the total variance, the REML information written with full matrices
df_total <- function(subject, between, within) {
  z <- model.matrix(~ 0 + factor(subject)); n <- nrow(z)
  db <- tcrossprod(z); dw <- diag(n)
  inverse <- solve(between * db + within * dw)
  one <- matrix(1, n, 1)
  p <- inverse - inverse %*% one %*% t(one) %*% inverse / sum(inverse)
  pb <- p %*% db; pw <- p
  information <- matrix(c(sum(pb * t(pb)), sum(pb * t(pw)), sum(pb * t(pw)), sum(pw * t(pw))), 2) / 2
  2 * (between + within)^2 / sum(solve(information))
}
mover <- function(name, mean, half, between, within, df, chisq = TRUE) {
  sd <- sqrt(between + within)
  low <- mean - qnorm(0.975) * sd; high <- mean + qnorm(0.975) * sd
  add(name, "limit_low", low); add(name, "limit_high", high); add(name, "df", df)
  if (!chisq) return(invisible())
  sd_low <- sd * sqrt(df / qchisq(0.975, df)); sd_high <- sd * sqrt(df / qchisq(0.025, df))
  out <- sqrt(half^2 + qnorm(0.975)^2 * (sd_high - sd)^2)
  inside <- sqrt(half^2 + qnorm(0.975)^2 * (sd - sd_low)^2)
  add(name, "limit_low_low", low - out); add(name, "limit_low_high", low + inside)
  add(name, "limit_high_low", high - inside); add(name, "limit_high_high", high + out)
}
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  d$d <- d$y - d$x
  g <- length(unique(d$subject))
  if (g < nrow(d)) {
    r <- suppressMessages(lmer(d ~ 1 + (1 | subject), d, REML = TRUE,
              control = lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))))
    v <- as.data.frame(VarCorr(r))$vcov
    add(name, "between", v[1]); add(name, "within", v[2])
    t <- coef_test(r, vcov = vcovCR(r, cluster = factor(d$subject), type = "CR2"),
                   test = "Satterthwaite")
    mean <- t$beta; half <- qt(0.975, t$df_Satt) * t$SE
    between <- v[1]; within <- v[2]; df <- df_total(d$subject, between, within)
  } else {  # one clip per subject: the textbook limits
    mean <- mean(d$d); half <- qt(0.975, g - 1) * sd(d$d) / sqrt(g)
    between <- var(d$d); within <- 0; df <- g - 1
  }
  mover(name, mean, half, between, within, df)
  # coefficients of x and y
  icc <- suppressMessages(suppressWarnings(ICC(d[, c("x", "y")], lmer = FALSE)))$results
  add(name, "icc_a1", icc$ICC[2]); add(name, "icc_c1", icc$ICC[3])
  add(name, "icc_a1_low", icc[["lower bound"]][2]); add(name, "icc_a1_high", icc[["upper bound"]][2])
  add(name, "icc_c1_low", icc[["lower bound"]][3]); add(name, "icc_c1_high", icc[["upper bound"]][3])
  # Lin's coefficient from its definition: 1 - E(x - y)^2 / the same if x, y were independent
  add(name, "ccc", 1 - mean((d$x - d$y)^2) / mean(outer(d$x, d$y, "-")^2))
  # mean absolute difference between subjects, with its jackknife
  mad <- function(v, s) { k <- outer(s, s, "!="); mean(abs(outer(v, v, "-"))[k]) }
  full <- mad(d$d, d$subject)
  left <- sapply(unique(d$subject), function(s) with(d[d$subject != s, ], log(mad(d, subject))))
  add(name, "mad", full)
  add(name, "mad_se", full * sqrt((g - 1) / g * sum((left - mean(left))^2)))
  # SD of clips, likewise
  left <- sapply(unique(d$subject), function(s) log(sd(d$d[d$subject != s])))
  error <- sqrt((g - 1) / g * sum((left - mean(left))^2))
  add(name, "sd", sd(d$d)); add(name, "sd_se", sd(d$d) * error)
  add(name, "sd_low", exp(log(sd(d$d)) - qt(0.975, g - 1) * error))
  add(name, "sd_high", exp(log(sd(d$d)) + qt(0.975, g - 1) * error))
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "agreement_reference.csv", row.names = FALSE, quote = FALSE)
